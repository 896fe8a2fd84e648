"""Pieces that tools of every domain share."""
