"""Who we are to a provider where that is more than one fixed header: signatures, and tokens that are fetched."""
