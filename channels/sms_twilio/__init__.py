"""SMS through Twilio's messaging API, by Twilio's own client over an HTTP client of ours."""
