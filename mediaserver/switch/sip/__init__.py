"""Clarion's SIP user agent: a sans-IO core (`useragent`) and its UDP shell (`endpoint`)."""
