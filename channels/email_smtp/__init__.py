"""Email over SMTP: MIME bytes built by hand, sent over connections that are kept."""
