"""Servers and helpers that users test their own deployments with."""
