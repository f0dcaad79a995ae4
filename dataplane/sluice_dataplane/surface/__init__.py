"""HTTP in: the only room that knows aiohttp's types.

``door`` counts who is inside and names requests.  ``lean`` serves usual calls on bare connections (kept by ``host``,
read and written with ``head``); ``front`` serves everything else on aiohttp, with ``reply``.  ``listing`` shows
models, ``admin`` is the other port.
"""
