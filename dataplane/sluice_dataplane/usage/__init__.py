"""What calls use and cost: ``meter`` counts, ``pricing`` prices, ``journal`` and ``ledger`` keep it."""
