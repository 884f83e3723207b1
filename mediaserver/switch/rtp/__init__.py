"""RTP and RTCP without sockets (RFC 3550, 3551, 4733); `mediaserver.switch.pump` is their shell."""
