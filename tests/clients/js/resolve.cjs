// Loaded before a client's script: host names under .example, which no name server knows, are this machine.
const dns = require('node:dns')

const { lookup } = dns
dns.lookup = (name, ...rest) => lookup(name.endsWith('.example') ? '127.0.0.1' : name, ...rest)
