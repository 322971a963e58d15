"""Readers of official files and of users' own, one format a file."""
