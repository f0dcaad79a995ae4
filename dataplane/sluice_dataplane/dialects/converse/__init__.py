"""AWS's Converse API, in which Bedrock speaks every model.  Only upstreams speak it; no client is served in it."""
