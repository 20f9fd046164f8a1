create database %(name)s
