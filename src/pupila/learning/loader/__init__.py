"""Pictures on their way to the network: decoded and placed once, kept in the cache folder, handed out in batches."""
