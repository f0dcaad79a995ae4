"""The provider table as data: one row for each type of provider, in files by kind; ``table`` joins them.

Adding a provider is a row here and a fixture in ``tests/fixtures/providers``.  What manifests may say (``resources``),
what is compiled (``compiler``) and the page of the reference all follow from the row.  Pure data; knows no kind.
"""
