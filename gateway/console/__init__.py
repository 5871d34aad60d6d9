"""The console page: what the centre sees, live, with no asset from outside."""
