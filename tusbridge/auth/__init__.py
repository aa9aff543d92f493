"""Policies for sites whose users log in by another library: one module for each.

None of them is imported before it is named in ``TUSBRIDGE["POLICY"]``, or by a class that is.
"""
