"""The fluid of a unit, from the reservoir to the vessel on the balance, and how pumps displace it."""
