"""Roles: named sets of rules, and who has them where."""
