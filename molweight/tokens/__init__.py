"""Texts as arrays of tokens: tokenised once, stored flat, collated for each step."""
