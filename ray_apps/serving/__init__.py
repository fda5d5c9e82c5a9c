"""The HTTP service: what a request asks for, what it may cost, and how its work is spread over Serve's replicas."""
