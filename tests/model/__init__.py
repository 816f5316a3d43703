"""State machines that run a plain model beside a backend and compare."""
