-- By this the look-up of a taken id tells a message that was delivered again from another one with the same punch.

grant select (mensagem_id) on batida to ponto_function;
