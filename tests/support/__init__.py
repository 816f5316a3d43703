"""Servers, clients, request builders and checks that tests of several folders share."""
