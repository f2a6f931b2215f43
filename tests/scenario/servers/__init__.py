"""Private instances of the servers that postern talks to, one module each.

Every server runs in a folder of its own, on free loopback ports, with configuration written by its
module (from the snippets in etc/, so that those are tried by every run), and is stopped by its own
process id.
"""
