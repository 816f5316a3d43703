"""Every error that a user of the command line can cause: what causes it, and what is said of it, as data that is walked
by causing each."""
