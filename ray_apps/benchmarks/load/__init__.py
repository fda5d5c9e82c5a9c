"""The service under load: against the same work without it, beyond what it lets in, and against vLLM's own server."""
