"""Sounds that belong to no script: hold music, the zip tone, the consent beep, and those a site uploads."""
