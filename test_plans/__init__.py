"""Shipped with the project; read as files, never imported."""
