"""What users ask for: frozen values with Neutron's and Keystone's words. No I/O, no clock."""
