"""Collecting: from the pages of a web shop to a data set; the only room that talks to web sites."""
