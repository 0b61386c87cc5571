"""Named rules that turn a source's rows into accepted rows and a quarantine with reasons.

Plain vectorised code on Arrow columns, not pandera: a row needs exactly one reason and its line
number, money must be parsed digit by digit, and ten million rows must pass in bounded memory.
"""
