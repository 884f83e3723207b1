"""The process that keeps time: SIP, RTP, keys. Nothing in it may hold the interpreter lock for more than 2 ms."""
