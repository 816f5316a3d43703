MODULES = {}
SITES = {}
