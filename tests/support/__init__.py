"""Servers, clients, builders and checks that tests of several folders share."""
