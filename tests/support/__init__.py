"""What tests share: servers and other stages on which tests of several folders play."""
