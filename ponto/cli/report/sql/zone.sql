select fuso_padrao();
