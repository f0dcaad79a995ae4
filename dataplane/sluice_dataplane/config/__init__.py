"""Configuration in force: ``source`` brings snapshots, ``holder`` keeps the table, ``table`` answers."""
