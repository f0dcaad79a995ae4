"""From a changed world to what every replica serves, and back into statuses.

The order of a change: :mod:`world` takes it in and says whether it matters; :mod:`pace` says when; :mod:`publish`
freezes the world, has it compiled and writes what changed, the index last; :mod:`acknowledge` asks each replica;
:mod:`conditions` composes the statuses and :mod:`scribe` writes those that differ.  :mod:`accounting` reads the
counters for them.  ``world``, ``pace``, ``revisions``, ``conditions``, ``figures`` and ``notices``
decide and do no I/O.
"""
