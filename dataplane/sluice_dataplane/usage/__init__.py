"""What calls use and cost: ``meter`` counts, ``pricing`` turns counts into money, ``journal`` and ``ledger`` keep it."""
