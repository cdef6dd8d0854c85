"""Customers from an Excel workbook.

`workbook` reads the file, `columns` says what each column means, `checking` judges the rows against the rules and the
database, `saving` writes them, `runs` leads an import from its upload to its end, `reverting` takes one back.
"""
