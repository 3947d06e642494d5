"""Defects that are planted into sound files, and what became of each: ``python -m tools.faults``.

A defect has to be refused, said, or harmless: one that changes what is read without a word, or ends in anything but one
clear line, fails. Everything is small and invented, and made anew on the spot.
"""
