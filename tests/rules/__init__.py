"""One test for each rule of reliability that has no better place, over sockets."""
