"""What is measured while the system works, and what is made of it.

One catalogue (:mod:`.catalogue`), from which come the exporter, the dashboard, the alert rules and the table in
docs/metrics.md. It knows names, units and queries; what is counted, and when, is said where the work is done.
"""
