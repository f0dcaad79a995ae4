"""HTTP in: the only room that knows aiohttp's types.

``front`` takes requests and gives answers, ``reply`` writes them, ``listing`` shows models, ``admin`` is the
other port.
"""
