"""Matrices in E4M3 with a scale a row, and their product.

It does not know whose weights they are.
"""
