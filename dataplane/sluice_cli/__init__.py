"""The command ``sluice``: the one package that knows both programs.  See docs/adr/0008."""
