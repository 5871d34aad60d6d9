"""The embedded case registry: the whole loop from a report to a closed case, on its own database and port."""
