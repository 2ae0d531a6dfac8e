"""The demo: the only room that draws data of its own; all of it is synthetic and is called so."""
