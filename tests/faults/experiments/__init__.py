"""Deployments that are hurt under load, and what their clients saw of it."""
