"""Scripts that people upload are hostile until proven otherwise: they are checked and tried in processes of their own.

A mother process imports everything once and forks a child for each piece of work (`__main__`). A child has limits on
memory and on the processor time of each turn that the kernel enforces, whatever the script does; it opens no file and
reaches no network. `client.Sandbox` is the web role's side.
"""
