"""The robot of the network: OpenPGP mail between contact points, relayed, acknowledged, tested, recorded."""
