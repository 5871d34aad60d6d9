"""Where cases go: the embedded registry, an Open311 server or a webhook, behind one small protocol (`base.Target`)."""
