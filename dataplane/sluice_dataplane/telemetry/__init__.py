"""What the process tells of itself: ``log`` (facts with keys), ``metrics`` (Prometheus), ``tracing`` (OTLP).

Nothing here ever sees a prompt, an answer or a secret: callers hand over named facts, never bodies or headers.
"""
